# One cluster, one pool of workers, and a web server on them that answers on port 30080 of each worker.
#
# In a lab:  eval "$(clusterform lab env)" && clusterform apply
# On AWS:    eval "$(clusterform lab env -unset)" && clusterform apply -var-file=aws.vars.hcl     (read aws.vars.hcl first)

variable "orchestrator" {
  description = "What runs on the nodes: swarm or kubernetes."
  type        = string
  default     = "swarm"
}

variable "workers" {
  description = "How many workers there are; each runs a replica of the web server."
  type        = number
  default     = 2
}

variable "access" {
  description = "From where the cluster's API and the web server are reached. The default is the host of a lab; on the internet it is nobody."
  type        = list(string)
  default     = ["198.19.0.0/16"]
}

variable "web" {
  description = "The web server: its image, the port it listens on, and a command in the image that ends with 0 when it is well."
  type = object({
    image = string
    port  = number
    check = list(string)
  })
  default = {
    image = "registry.lab:5000/hello:1" # every lab has it
    port  = 8080
    check = ["/hello", "check"]
  }
}

cluster "lab" {
  orchestrator = var.orchestrator # Kubernetes without a version is the newest one that clusterform knows
  region       = "us-east-1"      # a lab plays this one unless it is told another

  network {
    cidr               = "10.88.0.0/16"
    availability_zones = 2
  }

  control_plane {
    instance_type = "t3.medium"
    access        = var.access
  }

  firewall {
    allow "web" {
      to    = "worker"
      ports = [30080]
      from  = var.access
    }
  }
}

node_pool "worker" {
  cluster       = cluster.lab
  size          = var.workers
  instance_type = ["t3.large", "t3a.large"] # the next one is taken where the first is not to be had
  labels        = { tier = "web" }
}

workload "web" {
  cluster  = cluster.lab
  replicas = var.workers

  container "app" {
    image = var.web.image

    port "http" {
      container = var.web.port
    }

    resources {
      cpu    = "50m"
      memory = "32Mi"
    }

    health_check {
      command = var.web.check
    }
  }

  expose "http" {
    port      = var.web.port
    node_port = 30080
  }

  placement {
    node_labels = { tier = "web" }
    spread      = ["node"]
  }
}

output "endpoint" {
  description = "Where the cluster's API answers."
  value       = cluster.lab.endpoint
}

output "web" {
  description = "Where the web server answers."
  value       = [for node in node_pool.worker.nodes : "http://${node.public_ip}:30080/"]
}
