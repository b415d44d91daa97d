package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"time"
)

// Client asks for a client certificate.
type Client struct {
	// CommonName is the user, Organizations its groups.
	CommonName    string
	Organizations []string
	// Validity is ClientValidity by default, and never goes past the authority's end.
	Validity time.Duration
}

// Server asks for a server certificate.
type Server struct {
	CommonName string
	// Names are DNS names and IP addresses.
	Names []string
	// Validity is ServerValidity by default, and never goes past the authority's end.
	Validity time.Duration
	// Client lets the server use it as a client, too, as members of etcd do among themselves.
	Client bool
}

// Pair is a certificate and its key, both in PEM.
type Pair struct {
	Certificate []byte
	Key         []byte // secret
	ExpiresAt   time.Time
}

// IssueClient makes a client certificate with a new key.
func (a *Authority) IssueClient(c Client, now time.Time) (*Pair, error) {
	if c.CommonName == "" {
		return nil, errors.New("a client certificate needs a common name")
	}
	if c.Validity == 0 {
		c.Validity = ClientValidity
	}
	template, err := newTemplate(pkix.Name{CommonName: c.CommonName, Organization: c.Organizations}, c.Validity, now)
	if err != nil {
		return nil, err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(template, now)
}

// IssueServer makes a server certificate with a new key.
func (a *Authority) IssueServer(s Server, now time.Time) (*Pair, error) {
	if len(s.Names) == 0 {
		return nil, errors.New("a server certificate needs at least one name")
	}
	if s.Validity == 0 {
		s.Validity = ServerValidity
	}
	template, err := newTemplate(pkix.Name{CommonName: s.CommonName}, s.Validity, now)
	if err != nil {
		return nil, err
	}
	for _, name := range s.Names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if s.Client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	return a.issue(template, now)
}

func (a *Authority) issue(template *x509.Certificate, now time.Time) (*Pair, error) {
	if !now.Before(a.certificate.NotAfter) {
		return nil, fmt.Errorf("the authority %q ended on %s: it can sign nothing any more", a.certificate.Subject.CommonName, a.certificate.NotAfter.Format(time.DateOnly))
	}
	if template.NotAfter.After(a.certificate.NotAfter) {
		template.NotAfter = a.certificate.NotAfter
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	template.BasicConstraintsValid = true
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key for %q: %w", template.Subject.CommonName, err)
	}
	certificate, err := sign(template, a.certificate, key, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate for %q: %w", template.Subject.CommonName, err)
	}
	text, err := keyPEM(key)
	if err != nil {
		return nil, err
	}
	return &Pair{Certificate: []byte(certificatePEM(certificate)), Key: []byte(text), ExpiresAt: certificate.NotAfter}, nil
}

// TLS is the pair for crypto/tls.
func (p *Pair) TLS() (tls.Certificate, error) {
	c, err := tls.X509KeyPair(p.Certificate, p.Key)
	if err != nil {
		return tls.Certificate{}, errors.New("a certificate and its key do not fit together")
	}
	return c, nil
}

// String shows no key.
func (p *Pair) String() string {
	return fmt.Sprintf("certificate until %s (key hidden)", p.ExpiresAt.Format(time.RFC3339))
}

// GoString is String.
func (p *Pair) GoString() string { return p.String() }
