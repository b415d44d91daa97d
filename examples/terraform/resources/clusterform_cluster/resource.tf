resource "clusterform_cluster" "lab" {
  name         = "lab"
  orchestrator = "kubernetes"
  version      = "1.34.4"

  network = {
    cidr               = "10.88.0.0/16"
    availability_zones = 2
  }

  control_plane = {
    size          = 3
    instance_type = ["t3.medium", "t3a.medium"]
    access        = ["192.0.2.0/24"]
  }

  firewall = {
    allow = {
      web = {
        ports = [80, 443, "30000-32767"]
        from  = ["0.0.0.0/0"]
      }
    }
  }

  # Default: true. Apply false before `terraform destroy`.
  deletion_protection = false
}

output "endpoint" {
  value = clusterform_cluster.lab.endpoint_url
}
