"""What the pages of assess say: the province, one place, their pictures, the same as CSV."""
