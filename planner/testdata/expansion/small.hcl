cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "ap-northeast-2"
  tags         = { owner = "ops" }
  network {
    cidr               = "10.88.0.0/16"
    availability_zones = 2
  }
  firewall {
    allow "web" {
      to    = "worker"
      ports = [80, 443, "30000-32767"]
      from  = ["0.0.0.0/0"]
    }
  }
}

node_pool "worker" {
  cluster       = cluster.lab
  size          = 3
  instance_type = ["t3.large", "t3a.large"]
  labels        = { tier = "web" }
}
