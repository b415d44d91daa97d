// Command terraform-provider-clusterform serves clusterform's resources to Terraform and OpenTofu. It is started by them,
// not by hand; the provider itself is in package provider.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/clusterform/clusterform/provider"
)

// version is set when a release is built.
var version = "0.1.0-dev"

func main() {
	debug := flag.Bool("debug", false, "Serve for a debugger, and print what Terraform needs to find this process.")
	flag.Parse()
	err := providerserver.Serve(context.Background(), provider.New(version), providerserver.ServeOpts{
		Address: provider.Address, Debug: *debug, ProtocolVersion: 6,
	})
	if err != nil {
		log.Fatal(err)
	}
}
