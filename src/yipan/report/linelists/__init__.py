"""Line lists of other systems, read into one plain form: Go.Data, SORMAS, and the `linelist` tags of R.

Each format is one file that can be copied: it names the columns it needs and turns a record into an
`ImportedCase`. What comes out is the door's own template (`report`), so every row is checked there.
"""
