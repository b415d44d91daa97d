cluster "x" {
