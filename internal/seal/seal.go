// Package seal encrypts the sensitive values that have to be kept (outputs in the state, variables in a saved plan) and
// signs plan files. The key is an age X25519 identity: in the environment variable CLUSTERFORM_SEAL_KEY, or in a file
// that Ensure makes when the first value needs it. Whoever has the key can read all; it belongs neither into version control
// nor beside a copy of the state.
//
// Secrets of clusters (certificates, tokens) are none of its business: they are never kept at all.
package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// prefix marks a sealed value and its version.
const prefix = "sealed:v1:"

// ErrOtherKey says that a value was sealed with another key than the one at hand.
var ErrOtherKey = errors.New("it was sealed with another key")

// ErrNotSealed says that a value is none of ours, or is damaged.
var ErrNotSealed = errors.New("it is not a sealed value, or is damaged")

// Key seals and opens values, and authenticates files. It is safe for concurrent use. Formatting one shows only its
// public part.
type Key struct {
	identity *age.X25519Identity
	macKey   []byte
	source   string
}

// Parse reads a key in age's text form (AGE-SECRET-KEY-1…); empty lines and comments around it are skipped. source says
// in errors where it came from.
func Parse(text, source string) (*Key, error) {
	var found *age.X25519Identity
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		identity, err := age.ParseX25519Identity(line)
		if err != nil {
			// The library's error may repeat the line.
			return nil, fmt.Errorf("the sealing key in %s is not valid: expected an age X25519 key, AGE-SECRET-KEY-1…, as `age-keygen` "+
				"writes it", source)
		}
		if found != nil {
			return nil, fmt.Errorf("there is more than one sealing key in %s: leave only one", source)
		}
		found = identity
	}
	if found == nil {
		return nil, fmt.Errorf("there is no sealing key in %s: expected AGE-SECRET-KEY-1…", source)
	}
	return newKey(found, source)
}

func newKey(identity *age.X25519Identity, source string) (*Key, error) {
	mac, err := hkdf.Key(sha256.New, []byte(identity.String()), nil, "clusterform plan file authentication v1", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("cannot derive the authentication key: %w", err)
	}
	return &Key{identity: identity, macKey: mac, source: source}, nil
}

// Source says where the key came from: a file name or "CLUSTERFORM_SEAL_KEY".
func (k *Key) Source() string { return k.source }

// Public is the key's public part, age1…: with it, values can be sealed but not opened.
func (k *Key) Public() string { return k.identity.Recipient().String() }

// String shows the public part only.
func (k *Key) String() string { return "seal.Key(" + k.Public() + ")" }

// GoString shows the public part only.
func (k *Key) GoString() string { return k.String() }

// Seal encrypts plain. Sealing the same value twice gives different texts.
func (k *Key) Seal(plain []byte) (string, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, k.identity.Recipient())
	if err != nil {
		return "", fmt.Errorf("cannot seal: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return "", fmt.Errorf("cannot seal: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("cannot seal: %w", err)
	}
	return prefix + base64.RawURLEncoding.EncodeToString(b.Bytes()), nil
}

// Open decrypts what Seal made. Errors are ErrOtherKey or ErrNotSealed, and never hold any of the content.
func (k *Key) Open(sealed string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(sealed, prefix)
	if !ok {
		return nil, ErrNotSealed
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, ErrNotSealed
	}
	r, err := age.Decrypt(bytes.NewReader(data), k.identity)
	if _, other := errors.AsType[*age.NoIdentityMatchError](err); other {
		return nil, fmt.Errorf("cannot open a sealed value with the key in %s: %w", k.source, ErrOtherKey)
	}
	if err != nil {
		return nil, ErrNotSealed
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, ErrNotSealed
	}
	return plain, nil
}

// MAC authenticates data: whoever does not have the key cannot change data and make a new MAC.
func (k *Key) MAC(data []byte) string {
	m := hmac.New(sha256.New, k.macKey)
	m.Write(data)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// Verify tells whether mac is the MAC of data under this key, in constant time.
func (k *Key) Verify(data []byte, mac string) bool {
	return hmac.Equal([]byte(k.MAC(data)), []byte(mac))
}
