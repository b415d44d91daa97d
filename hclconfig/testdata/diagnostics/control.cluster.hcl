# hidden [31mred[0m and ‮reversed
cluster "lab" { nope = "]0;title" }
