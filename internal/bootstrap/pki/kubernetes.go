package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// The parameters of a Kubernetes cluster's keys, below the cluster's path.
const (
	// KubernetesCluster signs the API's certificate and all clients', KubernetesFrontProxy those of aggregated APIs,
	// KubernetesEtcd everything of etcd's. Each is a certificate and its key.
	KubernetesCluster    = "control-plane/pki/cluster"
	KubernetesFrontProxy = "control-plane/pki/front-proxy"
	KubernetesEtcd       = "control-plane/pki/etcd"
	// KubernetesServiceAccount signs the tokens of pods: a private key followed by its public key.
	KubernetesServiceAccount = "control-plane/pki/service-account"
	// ControlPlaneCA and WorkerCA are the certificate of the cluster's authority alone.
	ControlPlaneCA = "control-plane/pki/ca"
	WorkerCA       = "worker/pki/ca"
)

// KubernetesCredentials makes the parameters that a new cluster starts from, by name.
func KubernetesCredentials(now time.Time) (map[string]string, error) {
	parameters := make(map[string]string, 6)
	for name, commonName := range map[string]string{
		KubernetesCluster:    "kubernetes",
		KubernetesFrontProxy: "front-proxy-ca",
		KubernetesEtcd:       "etcd-ca",
	} {
		a, err := NewAuthority(commonName, 0, now)
		if err != nil {
			return nil, err
		}
		if parameters[name], err = a.Bundle(); err != nil {
			return nil, err
		}
	}
	key, err := NewServiceAccountKey()
	if err != nil {
		return nil, err
	}
	parameters[KubernetesServiceAccount] = key
	ca := onlyCertificates(parameters[KubernetesCluster])
	parameters[ControlPlaneCA], parameters[WorkerCA] = ca, ca
	return parameters, nil
}

// DescribeKubernetes says what is public of a cluster's parameters: its authority's certificate and when the first of its
// authorities ends. Copies of the certificate that are missing or of another authority are returned as derived.
func DescribeKubernetes(parameters map[string]string) (ca string, expires time.Time, derived map[string]string, err error) {
	for _, name := range []string{KubernetesCluster, KubernetesFrontProxy, KubernetesEtcd} {
		text, ok := parameters[name]
		if !ok {
			return "", time.Time{}, nil, fmt.Errorf("the parameter %s is missing: without it no node joins and nobody administers the cluster. Restore it from a backup, or replace the cluster's credentials", name)
		}
		a, err := ParseAuthority(text)
		if err != nil {
			return "", time.Time{}, nil, fmt.Errorf("the parameter %s cannot be used: %w", name, err)
		}
		if name == KubernetesCluster {
			ca = a.CertificatePEM()
		}
		if expires.IsZero() || a.ExpiresAt().Before(expires) {
			expires = a.ExpiresAt()
		}
	}
	if parameters[KubernetesServiceAccount] == "" {
		return "", time.Time{}, nil, fmt.Errorf("the parameter %s is missing: without it pods get no tokens. Restore it from a backup, or replace the cluster's credentials", KubernetesServiceAccount)
	}
	derived = map[string]string{}
	for _, name := range []string{ControlPlaneCA, WorkerCA} {
		if parameters[name] != ca {
			derived[name] = ca
		}
	}
	return ca, expires, derived, nil
}

// NewServiceAccountKey makes the key that signs the tokens of pods: the private key in PEM, then the public one.
func NewServiceAccountKey() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make the key of service accounts: %w", err)
	}
	private, err := keyPEM(key)
	if err != nil {
		return "", err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", errors.New("the public key of service accounts cannot be written")
	}
	return private + string(pem.EncodeToMemory(&pem.Block{Type: publicKeyBlock, Bytes: public})), nil
}
