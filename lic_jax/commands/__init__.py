"""What the commands of `lic` do, apart from their arguments."""
