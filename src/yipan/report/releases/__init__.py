"""Telling a department's machine that its table was released: signed, through an outbox, tried again."""
