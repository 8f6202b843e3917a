"""Workbooks: xlsx, xls, xlsb and ods in; xlsx out."""
