variable "token" {
  type      = string
  sensitive = true
  default   = "MARKER-hunter2"

  validation {
    condition     = length(var.token) > 100
    error_message = "Too short: ${var.token}"
  }
}

variable "typed" {
  type      = number
  sensitive = true
  default   = "MARKER-number"
}

locals {
  copy = "x-${var.token}"
}

cluster "lab" {
  orchestrator = "swarm"
  version      = "28.1"
  region       = "eu-central-1"
  tags         = { token = local.copy }
  control_plane {
    user_data = "#!/bin/sh\necho ${var.token}"
  }
}

output "leak" {
  value = local.copy
}

output "fine" {
  value     = local.copy
  sensitive = true
}

output "failing" {
  value     = regex(var.token, "abc")
  sensitive = true
}

output "file" {
  value     = file("/nonexistent/${var.token}")
  sensitive = true
}

workload "w" {
  cluster = cluster.lab
  container "app" {
    image = "app:1"
    env   = { "${var.token}" = "x", OK = var.token }
  }
}
