package client

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"math/big"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// tokenLife is how long a join token is good for at most, tokenLeft when it is renewed.
	tokenLife = 15 * time.Minute
	tokenLeft = 10 * time.Minute
	// tokenGroup is the one that kubeadm lets ask for a kubelet's certificate.
	tokenGroup = "system:bootstrappers:kubeadm:default-node-token"
	// tokenLabel marks the secrets that are ours. The one that the first node's kubeadm makes can only be described: by
	// tokenDescription, which is in that node's bootstrap, too.
	tokenLabel       = "clusterform.io/join-token"
	tokenDescription = "joins nodes of clusterform"

	tokenPrefix = "bootstrap-token-"

	tokenID         = "token-id"
	tokenSecret     = "token-secret"
	tokenExpiration = "expiration"
)

// newToken makes "id.secret" as Kubernetes wants it: 6 and 16 characters of 0-9a-z.
func newToken() (string, error) {
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
	var b strings.Builder
	for i := range 6 + 16 {
		if i == 6 {
			b.WriteByte('.')
		}
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			return "", fmt.Errorf("make a join token: %w", err)
		}
		b.WriteByte(alphabet[n.Int64()])
	}
	return b.String(), nil
}

// splitToken checks the form of a token.
func splitToken(token string) (id, secret string, ok bool) {
	id, secret, ok = strings.Cut(token, ".")
	return id, secret, ok && len(id) == 6 && len(secret) == 16
}

// tokenObject is the secret that makes the API accept a token.
func tokenObject(token string, expires time.Time) *corev1.Secret {
	id, secret, _ := splitToken(token)
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: tokenPrefix + id, Namespace: metav1.NamespaceSystem, Labels: map[string]string{tokenLabel: "true"},
		},
		Type: corev1.SecretTypeBootstrapToken,
		StringData: map[string]string{
			tokenID: id, tokenSecret: secret, tokenExpiration: expires.UTC().Format(time.RFC3339),
			"usage-bootstrap-authentication": "true", "usage-bootstrap-signing": "true", "auth-extra-groups": tokenGroup,
			"description": tokenDescription,
		},
	}
}

// good says whether the API's secret accepts the token for long enough.
func good(s *corev1.Secret, token string, now time.Time) bool {
	_, secret, ok := splitToken(token)
	expires, err := time.Parse(time.RFC3339, string(s.Data[tokenExpiration]))
	return ok && err == nil && expires.Sub(now) >= tokenLeft &&
		subtle.ConstantTimeCompare(s.Data[tokenSecret], []byte(secret)) == 1 &&
		string(s.Data["usage-bootstrap-authentication"]) == "true" && strings.Contains(string(s.Data["auth-extra-groups"]), tokenGroup)
}
