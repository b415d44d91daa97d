variable "s" { type = "string" }
variable l {
  type = "list"
  default=[]
}
variable "m" {
type = "map"
}
variable "n" {
  type = list
}
variable "o" {
  type = map
}
variable "p" {
  type = object({
  a = string
    longer= optional(number,1)
  })
  validation {
    condition="${var.p.a != ""}"
    error_message = "no"
  }
}
