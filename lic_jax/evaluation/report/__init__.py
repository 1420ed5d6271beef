"""The page that shows an evaluation: plots, tables, and pictures to compare."""
