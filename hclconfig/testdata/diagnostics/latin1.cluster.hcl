cluster "lab" {
  region = "café"
}
