package pki

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"time"
)

// ParseCertificate reads the first certificate of a text in PEM; keys in it are passed over.
func ParseCertificate(text string) (*x509.Certificate, error) {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("there is no certificate in PEM")
		}
		if block.Type == certificateBlock {
			return x509.ParseCertificate(block.Bytes)
		}
	}
}

// ExpiresAt is the end of the first certificate of a text in PEM.
func ExpiresAt(text string) (time.Time, error) {
	c, err := ParseCertificate(text)
	if err != nil {
		return time.Time{}, err
	}
	return c.NotAfter, nil
}

// Fingerprint is "sha256:" and the hash of the certificate's public key, in hexadecimal: what kubeadm calls the discovery
// token's CA hash.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:])
}
