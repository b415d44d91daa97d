variable "required" {
  type = string
}

variable "count" {
  type = nubmer
}

variable "twice" {}
variable "twice" {}

variable "size" {
  type    = number
  default = 2
  validation {
    condition     = var.size > 2
    error_message = "At least three, not ${var.size}."
  }
}

variable "dynamic" {
  default = local.x
}

output "x" {
  value = var.requird
}

output "y" {
  value = vra.required
}

output "z" {
  value = required
}
