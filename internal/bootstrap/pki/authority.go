package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

const (
	// AuthorityValidity is how long authorities are good for: ten years, as kubeadm's.
	AuthorityValidity = 10 * 365 * 24 * time.Hour
	// ClientValidity is how long client certificates are good for unless asked otherwise.
	ClientValidity = time.Hour
	// ServerValidity is how long server certificates are good for unless asked otherwise.
	ServerValidity = 365 * 24 * time.Hour
	// backdated is how far certificates begin in the past: clocks of machines that have just booted are a little off.
	backdated = 5 * time.Minute
)

const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "EC PRIVATE KEY"
	publicKeyBlock   = "PUBLIC KEY"
)

// Authority is a certificate authority with its key.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes an authority that signs itself. validity 0 is AuthorityValidity.
func NewAuthority(commonName string, validity time.Duration, now time.Time) (*Authority, error) {
	if validity == 0 {
		validity = AuthorityValidity
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of the authority %q: %w", commonName, err)
	}
	template, err := newTemplate(pkix.Name{CommonName: commonName}, validity, now)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	template.DNSNames = []string{commonName} // kubeadm's have it, too, and some clients look for nothing else
	certificate, err := sign(template, template, key, key)
	if err != nil {
		return nil, fmt.Errorf("sign the authority %q: %w", commonName, err)
	}
	return &Authority{certificate: certificate, key: key}, nil
}

// ParseAuthority reads what Bundle wrote: a certificate and its key in PEM, in either order.
func ParseAuthority(bundle string) (*Authority, error) {
	a := &Authority{}
	for rest := []byte(bundle); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		var err error
		switch block.Type {
		case certificateBlock:
			a.certificate, err = x509.ParseCertificate(block.Bytes)
		case keyBlock, "PRIVATE KEY":
			a.key, err = parseKey(block)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case a.certificate == nil:
		return nil, errors.New("the authority has no certificate in PEM")
	case a.key == nil:
		return nil, fmt.Errorf("the authority %q has no private key in PEM", a.certificate.Subject.CommonName)
	case !a.certificate.IsCA:
		return nil, fmt.Errorf("%q is not an authority: its certificate may not sign others", a.certificate.Subject.CommonName)
	case !a.key.PublicKey.Equal(a.certificate.PublicKey):
		return nil, fmt.Errorf("the key of the authority %q is not that of its certificate", a.certificate.Subject.CommonName)
	}
	return a, nil
}

// parseKey says nothing of what it read, whatever is wrong with it.
func parseKey(block *pem.Block) (*ecdsa.PrivateKey, error) {
	if block.Type == keyBlock {
		key, err := x509.ParseECPrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("the authority's private key cannot be read")
		}
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the authority's private key cannot be read")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the authority's private key is of the type %T; only ECDSA is supported", parsed)
	}
	return key, nil
}

// Bundle is the certificate and the key in PEM: a secret.
func (a *Authority) Bundle() (string, error) {
	key, err := keyPEM(a.key)
	if err != nil {
		return "", err
	}
	return a.CertificatePEM() + key, nil
}

// CertificatePEM is the certificate alone.
func (a *Authority) CertificatePEM() string { return certificatePEM(a.certificate) }

// Certificate is the authority's own.
func (a *Authority) Certificate() *x509.Certificate { return a.certificate }

// ExpiresAt is when the authority and all that it signed ends.
func (a *Authority) ExpiresAt() time.Time { return a.certificate.NotAfter }

// Pool trusts this authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// String names the authority without its key.
func (a *Authority) String() string {
	return fmt.Sprintf("authority %q (%s, key hidden)", a.certificate.Subject.CommonName, Fingerprint(a.certificate))
}

// GoString is String: %#v shows no key, either.
func (a *Authority) GoString() string { return a.String() }

func newTemplate(subject pkix.Name, validity time.Duration, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      subject,
		NotBefore:    now.Add(-backdated).UTC(),
		NotAfter:     now.Add(validity).UTC(),
	}, nil
}

func sign(template, parent *x509.Certificate, subject, issuer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &subject.PublicKey, issuer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func certificatePEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: c.Raw}))
}

func keyPEM(key *ecdsa.PrivateKey) (string, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return "", errors.New("a private key cannot be written")
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der})), nil
}

// onlyCertificates keeps the certificates of a text in PEM.
func onlyCertificates(text string) string {
	var out strings.Builder
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return out.String()
		}
		if block.Type == certificateBlock {
			out.Write(pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: block.Bytes}))
		}
	}
}
