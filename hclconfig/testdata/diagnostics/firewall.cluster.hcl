cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
  firewall {
    allow "web" {
      to    = "frontend"
      ports = [80, 70000]
      from  = ["0.0.0.0/0"]
    }
    allow "range" {
      to    = "fontend"
      ports = ["443-80", "x"]
      from  = ["internet"]
    }
    allow "all" {
      to       = "frotend"
      protocol = "icmp"
      ports    = [1]
      from     = ["workers"]
    }
    allow "none" {
      from = ["10.0.0.0/8"]
    }
  }
}

node_pool "frontend" {
  cluster = cluster.lab
  size    = 1
  update {
    max_surge = 0
  }
}
