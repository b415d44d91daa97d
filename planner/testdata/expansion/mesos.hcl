cluster "m" {
  orchestrator = "mesos"
  version      = "1.11.0"
  region       = "eu-central-1"
  network { cidr = "192.168.0.0/26" }
}
