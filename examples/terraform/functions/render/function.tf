locals {
  # The same object can go into a clusterform_workload.
  web = {
    name     = "web"
    replicas = 3
    container = {
      app = {
        image = "registry.lab:5000/hello:1"
        port  = { http = { container = 8080 } }
      }
    }
    expose = { http = { port = 8080 } }
  }
}

output "kubernetes" {
  value = provider::clusterform::render("kubernetes", local.web)
}

output "swarm" {
  value = provider::clusterform::render("swarm", local.web)
}
