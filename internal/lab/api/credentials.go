package api

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// principal is who makes a call.
type principal struct {
	keyID string
	root  bool
	role  string // role name, when it is a session of one
	arn   string
	user  string // unique id, with ":session" for roles
}

// session is what a session token holds. Tokens are sealed by the lab's own key, so nothing about them is kept and they
// outlive a restart.
type session struct {
	KeyID   string    `json:"k"`
	Secret  string    `json:"s"`
	Role    string    `json:"r"`
	RoleID  string    `json:"i"`
	Name    string    `json:"n"`
	Expires time.Time `json:"e"`
}

const clockSkew = 15 * time.Minute

// vault holds the lab's own key: it seals session tokens and SecureString parameters.
type vault struct{ aead cipher.AEAD }

// openVault reads the key from dir, or makes one; without dir it lasts as long as the server.
func openVault(dir string) (*vault, error) {
	key := make([]byte, 32)
	file := filepath.Join(dir, "lab.key")
	if dir != "" {
		got, err := os.ReadFile(file)
		if err == nil && len(got) == len(key) {
			return newVault(got)
		}
		if err == nil {
			return nil, fmt.Errorf("lab state: %s is %d bytes long, not %d; remove the lab's directory to start anew", file, len(got), len(key))
		}
		if !os.IsNotExist(err) {
			return nil, fmt.Errorf("lab state: %w", err)
		}
	}
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	if dir != "" {
		if err := os.WriteFile(file, key, 0o600); err != nil {
			return nil, fmt.Errorf("lab state: %w", err)
		}
	}
	return newVault(key)
}

func newVault(key []byte) (*vault, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &vault{aead: aead}, nil
}

// seal encrypts for one purpose; open of another purpose fails.
func (v *vault) seal(purpose string, plain []byte) []byte {
	return v.aead.Seal(nil, nil, plain, []byte(purpose))
}

func (v *vault) open(purpose string, sealed []byte) ([]byte, error) {
	return v.aead.Open(nil, nil, sealed, []byte(purpose))
}

// newSession makes temporary credentials of a role.
func (s *Server) newSession(r *role, name string, ttl time.Duration) (session, string, error) {
	ses := session{
		KeyID: "ASIA" + randomUpper(s.ids, 16), Secret: randomSecret(),
		Role: r.Name, RoleID: r.ID, Name: name, Expires: s.db.now.Add(ttl).UTC().Truncate(time.Second),
	}
	raw, err := json.Marshal(ses)
	if err != nil {
		return ses, "", err
	}
	return ses, base64.StdEncoding.EncodeToString(s.vault.seal("session", raw)), nil
}

func randomSecret() string {
	b := make([]byte, 30)
	if _, err := rand.Read(b); err != nil { // crypto/rand never fails on a supported system
		return ""
	}
	return base64.StdEncoding.EncodeToString(b)
}

// authenticate finds out who signed a request. The lock is held.
func (s *Server) authenticate(r *http.Request, sig *signature, body []byte) (principal, error) {
	if sig.token != "" {
		return s.authenticateSession(r, sig, body)
	}
	secret, known := s.keys[sig.keyID]
	root := principal{keyID: sig.keyID, root: true, user: s.opt.AccountID, arn: "arn:aws:iam::" + s.opt.AccountID + ":root"}
	if !known {
		if s.opt.AcceptAnyKey && !strings.HasPrefix(sig.keyID, "ASIA") {
			return root, nil
		}
		return principal{}, unknownKey(sig.service)
	}
	if !sig.verify(r, body, secret) {
		return principal{}, badSignature(sig.service)
	}
	return root, s.fresh(sig)
}

func (s *Server) authenticateSession(r *http.Request, sig *signature, body []byte) (principal, error) {
	var ses session
	sealed, err := base64.StdEncoding.DecodeString(sig.token)
	if err == nil {
		sealed, err = s.vault.open("session", sealed)
	}
	if err == nil {
		err = json.Unmarshal(sealed, &ses)
	}
	if err != nil || ses.KeyID != sig.keyID {
		if s.opt.AcceptAnyKey {
			return principal{keyID: sig.keyID, root: true, user: s.opt.AccountID, arn: "arn:aws:iam::" + s.opt.AccountID + ":root"}, nil
		}
		return principal{}, unknownKey(sig.service)
	}
	if !sig.verify(r, body, ses.Secret) {
		return principal{}, badSignature(sig.service)
	}
	if !s.db.now.Before(ses.Expires) {
		switch sig.service {
		case "ec2":
			return principal{}, fail("RequestExpired", "Request has expired.")
		case "ssm":
			return principal{}, fail("ExpiredTokenException", "The security token included in the request is expired")
		}
		return principal{}, fail("ExpiredToken", "The security token included in the request is expired")
	}
	if rl := s.roles.get(ses.Role); rl == nil || rl.ID != ses.RoleID {
		return principal{}, unknownKey(sig.service)
	}
	return principal{
		keyID: ses.KeyID, role: ses.Role, user: ses.RoleID + ":" + ses.Name,
		arn: "arn:aws:sts::" + s.opt.AccountID + ":assumed-role/" + ses.Role + "/" + ses.Name,
	}, s.fresh(sig)
}

// fresh refuses requests that were signed long ago. A clock of the caller's own is not compared with the caller's clock.
func (s *Server) fresh(sig *signature) error {
	if _, system := s.opt.Clock.(systemClock); !system {
		return nil
	}
	signed, err := time.Parse(amzTime, sig.time)
	if err != nil {
		return fail("IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got '%.40s'.", sig.time)
	}
	window := clockSkew
	if sig.query {
		window = max(window, sig.expires)
	}
	if d := s.db.now.Sub(signed); d > window || d < -clockSkew {
		if sig.service == "ec2" {
			return fail("RequestExpired", "Request has expired.")
		}
		return badSignature(sig.service)
	}
	return nil
}

func unknownKey(service string) error {
	switch service {
	case "ec2":
		return fail("AuthFailure", "AWS was not able to validate the provided access credentials")
	case "ssm":
		return fail("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	return fail("InvalidClientTokenId", "The security token included in the request is invalid.")
}

func badSignature(service string) error {
	const msg = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	if service == "ssm" {
		return fail("InvalidSignatureException", msg)
	}
	return fail("SignatureDoesNotMatch", msg)
}

func denied(service, action string, who principal, resource string) error {
	msg := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action", who.arn, action, resource, action)
	switch service {
	case "ec2":
		return fail("UnauthorizedOperation", "You are not authorized to perform this operation. %s", msg)
	case "ssm":
		return fail("AccessDeniedException", "%s", msg)
	}
	return fail("AccessDenied", "%s", msg)
}
