"""DHIS2: metadata and data value sets as JSON, both ways."""
