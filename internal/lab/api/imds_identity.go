package api

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// identity signs instance identity documents. AWS's own certificate differs by region; the lab has its own.
type identity struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

// openIdentity reads the signing key from dir, or makes one. Called with the lock held, when first needed.
func (s *Server) openIdentity() (*identity, error) {
	if s.identity != nil {
		return s.identity, nil
	}
	file := filepath.Join(s.opt.Dir, "identity.pem")
	if s.opt.Dir != "" {
		raw, err := os.ReadFile(file)
		if err == nil {
			id, err := parseIdentity(raw)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			s.identity = id
			return id, nil
		}
		if !os.IsNotExist(err) {
			return nil, err
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lab instance identity", Organization: []string{"clusterform lab"}},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC), SignatureAlgorithm: x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	if s.opt.Dir != "" {
		if err := os.WriteFile(file, out, 0o600); err != nil {
			return nil, err
		}
	}
	s.identity, err = parseIdentity(out)
	return s.identity, err
}

func parseIdentity(raw []byte) (*identity, error) {
	kb, rest := pem.Decode(raw)
	cb, _ := pem.Decode(rest)
	if kb == nil || cb == nil {
		return nil, fmt.Errorf("not a key and a certificate in PEM form")
	}
	key, err := x509.ParsePKCS1PrivateKey(kb.Bytes)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(cb.Bytes)
	return &identity{key, cert}, err
}

// IdentityCertificate returns the certificate, in PEM form, that verifies instance identity documents.
func (s *Server) IdentityCertificate() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.openIdentity()
	if err != nil {
		return nil, fmt.Errorf("instance identity: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: id.cert.Raw}), nil
}

type identityDocument struct {
	AccountID               string  `json:"accountId"`
	Architecture            string  `json:"architecture"`
	AvailabilityZone        string  `json:"availabilityZone"`
	BillingProducts         *string `json:"billingProducts"`
	DevpayProductCodes      *string `json:"devpayProductCodes"`
	MarketplaceProductCodes *string `json:"marketplaceProductCodes"`
	ImageID                 string  `json:"imageId"`
	InstanceID              string  `json:"instanceId"`
	InstanceType            string  `json:"instanceType"`
	KernelID                *string `json:"kernelId"`
	PendingTime             string  `json:"pendingTime"`
	PrivateIP               string  `json:"privateIp"`
	RamdiskID               *string `json:"ramdiskId"`
	Region                  string  `json:"region"`
	Version                 string  `json:"version"`
}

// imdsIdentity adds the identity document; signatures are made when they are read, which is seldom.
func (s *Server) imdsIdentity(i *instance, l *launch, tree map[string]string) {
	doc, err := json.MarshalIndent(identityDocument{
		AccountID: s.opt.AccountID, Architecture: l.Arch, AvailabilityZone: i.Zone, ImageID: l.Image, InstanceID: i.ID, InstanceType: l.Type,
		PendingTime: i.LaunchTime.UTC().Format(time.RFC3339), PrivateIP: i.PrivateIP.String(), Region: s.opt.Region, Version: "2017-09-30",
	}, "", "  ")
	if err != nil {
		return
	}
	tree["dynamic/instance-identity/document"] = string(doc)
	tree["dynamic/instance-identity/signature"] = ""
	tree["dynamic/instance-identity/pkcs7"] = ""
}

// signDocument gives the document's signature, plain or as PKCS #7, in base64.
func (s *Server) signDocument(doc string, pkcs7 bool) (string, error) {
	s.mu.Lock()
	id, err := s.openIdentity()
	s.mu.Unlock()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(doc))
	sig, err := rsa.SignPKCS1v15(rand.Reader, id.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	if pkcs7 {
		if sig, err = id.signedData([]byte(doc), sig); err != nil {
			return "", err
		}
	}
	return lines(base64.StdEncoding.EncodeToString(sig)), nil
}

// lines breaks base64 as PEM does.
func lines(s string) string {
	out := ""
	for len(s) > 64 {
		out += s[:64] + "\n"
		s = s[64:]
	}
	return out + s
}

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0"`
}

type signedData struct {
	Version    int
	Digests    []pkix.AlgorithmIdentifier `asn1:"set"`
	Content    contentInfo
	SignerInfo []signerInfo `asn1:"set"`
}

type signerInfo struct {
	Version   int
	Issuer    issuerSerial
	Digest    pkix.AlgorithmIdentifier
	Algorithm pkix.AlgorithmIdentifier
	Signature []byte
}

type issuerSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

// signedData wraps document and signature as PKCS #7 SignedData (RFC 2315) without certificates, as AWS answers it.
func (id *identity) signedData(doc, sig []byte) ([]byte, error) {
	var (
		oidData   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
		oidSigned = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
		sha       = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, Parameters: asn1.NullRawValue}
		rsaAlg    = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, Parameters: asn1.NullRawValue}
	)
	octets, err := asn1.Marshal(doc)
	if err != nil {
		return nil, err
	}
	inner, err := asn1.Marshal(signedData{
		Version: 1, Digests: []pkix.AlgorithmIdentifier{sha},
		Content: contentInfo{oidData, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: octets}},
		SignerInfo: []signerInfo{{
			Version: 1, Issuer: issuerSerial{asn1.RawValue{FullBytes: id.cert.RawIssuer}, id.cert.SerialNumber}, Digest: sha, Algorithm: rsaAlg, Signature: sig,
		}},
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(contentInfo{oidSigned, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: inner}})
}
