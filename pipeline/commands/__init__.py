"""Groups of commands of the program `vcemo`; no logic here."""
