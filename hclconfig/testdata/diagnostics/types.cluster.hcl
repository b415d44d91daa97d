variable "zones" {
  type    = list(string)
  default = 3
}

cluster "lab" {
  orchestrator = "kubernets"
  version      = "v1.34.4"
  region       = "eu-central-1a"
  tags         = ["a"]

  network {
    cidr               = "10.0.0.7/16"
    availability_zones = true
    overlay {
      mtu     = 1.5
      backend = ["vxlan"]
    }
  }
  control_plane {
    size          = 2
    instance_type = ["t3.medium", "huge"]
    disk_gib      = 1
    access        = ["10.0.0.1"]
    image         = "debian12"
    update {
      drain_timeout = "5"
      max_surge     = "120%"
    }
  }
}

node_pool "worker" {
  cluster       = "lab"
  size          = -1
  instance_type = []
  image         = "ami-xyz"
  taint "gpu" {
    effect = "NoScedule"
  }
  labels = { "bad key" = "x" }
}

node_pool "huge" {
  cluster = cluster.lab
  size    = 200000
  tags    = { "aws:x" = "y" }
}
