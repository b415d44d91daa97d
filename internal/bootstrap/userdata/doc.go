// Package userdata renders the user-data of a cluster's nodes: the text that cloud-init runs at an instance's first boot.
//
// What a node does is in the scripts beside this file. cf.py asks AWS and the cluster (metadata, the Parameter Store,
// downloads, the API's addresses), shared.sh is the frame of the node's program, and one file per orchestrator and role fills
// it. User-data holds the node's settings and the pins of its software in plain text, and the programs without their
// comments, packed, since EC2 allows 16 KiB. It holds no secret: nodes read those from the Parameter Store with the
// role of their instance.
//
// The certificates that the secrets are made of are internal/bootstrap/pki's; where software comes from is
// internal/bootstrap/software's business.
package userdata
