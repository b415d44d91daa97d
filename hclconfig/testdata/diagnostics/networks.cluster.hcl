cluster "a" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
  network {
    cidr               = "10.244.0.0/20"
    availability_zones = ["eu-central-1a", "eu-central-1a", "eu-west-1b"]
    overlay {
      backend  = "host-gw"
      pod_cidr = "10.244.0.0/22"
    }
  }
}

node_pool "big" {
  cluster            = cluster.a
  size               = 3000
  availability_zones = ["eu-central-1c"]
}

cluster "b" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
  network {
    cidr               = "10.244.0.0/28"
    availability_zones = 2
    node_public_ip     = false
    overlay {
      service_cidr = "10.244.128.0/20"
    }
  }
}
