cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
  network {}
  network {}
  firewall {
    allow "web" {
      ports = [80]
      from  = ["0.0.0.0/0"]
    }
    allow "web" {
      ports = [81]
      from  = ["0.0.0.0/0"]
    }
  }
}

cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
}

node_pool "w" {
  cluster = cluster.lab
  size    = 1
}

node_pool "w" {
  cluster = cluster.lab
  size    = 2
}

node_pool "Not_A_Name" {
  cluster = cluster.lab
  size    = 2
}

locals {
  a = 1
}

locals {
  a = 2
}
