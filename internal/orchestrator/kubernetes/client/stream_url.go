package client

import (
	"net/url"

	"k8s.io/client-go/rest"
)

// withHost is a request's URL at the address of a configuration: streams are dialed by client-go itself, which knows
// nothing of the name that all other requests go to.
func withHost(u *url.URL, config *rest.Config) (*url.URL, error) {
	base, err := url.Parse(config.Host)
	if err != nil {
		return nil, err
	}
	out := *u
	out.Scheme, out.Host = base.Scheme, base.Host
	return &out, nil
}
