"""OpenRosa: form list, form, manifest and submission, so that ODK Collect and Enketo fill in the page."""
