"""One report, several renderings. Nothing from a row is ever markup."""
