"""Orders before they leave: drafting, checking, issuing, holding for undo, withdrawing."""
