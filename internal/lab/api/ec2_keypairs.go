package api

import (
	"crypto/ed25519"
	"crypto/md5" //nolint:gosec // EC2's fingerprints of imported keys are MD5
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // and those of created RSA keys SHA-1
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// keyPair is the public half of an SSH key; the lab never keeps the private half.
type keyPair struct {
	ID, Name    string
	Type        string // rsa or ed25519
	Fingerprint string
	Public      string // authorized_keys line
	Created     time.Time
}

func (s *Server) keyPairByID(id string) *keyPair {
	for _, k := range s.keyPairs.after(0) {
		if k.ID == id {
			return k
		}
	}
	return nil
}

func (c *call) newKeyPair(name string) (*keyPair, error) {
	if name == "" || len(name) > 255 {
		return nil, fail("InvalidParameterValue", "A key name must have 1 to 255 characters")
	}
	if c.keyPairs.get(name) != nil {
		return nil, fail("InvalidKeyPair.Duplicate", "The keypair '%s' already exists.", name)
	}
	return &keyPair{ID: c.newID("key"), Name: name, Created: c.db.now}, nil
}

func (c *call) createKeyPair(in *ec2.CreateKeyPairRequest) (any, error) {
	k, err := c.newKeyPair(in.KeyName)
	if err != nil {
		return nil, err
	}
	tags, err := specified(in.TagSpecifications, "key-pair")
	if err != nil {
		return nil, err
	}
	var block *pem.Block
	var public any
	switch in.KeyType {
	case "", "rsa":
		k.Type = "rsa"
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		k.Fingerprint = colons(fmt.Sprintf("%x", sha1.Sum(der)))
		block = &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
		public = key.Public()
	case "ed25519":
		k.Type = "ed25519"
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		if block, err = ssh.MarshalPrivateKey(key, ""); err != nil {
			return nil, err
		}
		public = pub
	default:
		return nil, fail("InvalidParameterValue", "Invalid value '%s' for keyType. Valid values: rsa, ed25519", in.KeyType)
	}
	sp, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	if k.Type == "ed25519" {
		k.Fingerprint = sha256Fingerprint(sp)
	}
	k.Public = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sp))) + " " + k.Name
	c.keyPairs.put(k.Name, k)
	c.setTags(k.ID, tags["key-pair"])
	return &ec2.KeyPair{
		KeyPairId: k.ID, KeyName: k.Name, KeyFingerprint: k.Fingerprint, KeyMaterial: string(pem.EncodeToMemory(block)), Tags: c.tagsOf(k.ID).ec2(),
	}, nil
}

func sha256Fingerprint(p ssh.PublicKey) string {
	sum := sha256.Sum256(p.Marshal())
	return base64.StdEncoding.EncodeToString(sum[:])
}

func colons(hexed string) string {
	var parts []string
	for i := 0; i+2 <= len(hexed); i += 2 {
		parts = append(parts, hexed[i:i+2])
	}
	return strings.Join(parts, ":")
}

func (c *call) importKeyPair(in *ec2.ImportKeyPairRequest) (any, error) {
	k, err := c.newKeyPair(in.KeyName)
	if err != nil {
		return nil, err
	}
	tags, err := specified(in.TagSpecifications, "key-pair")
	if err != nil {
		return nil, err
	}
	p, _, _, _, err := ssh.ParseAuthorizedKey(in.PublicKeyMaterial)
	if err != nil {
		return nil, fail("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
	}
	switch p.Type() {
	case ssh.KeyAlgoRSA:
		k.Type = "rsa"
		pub, ok := p.(ssh.CryptoPublicKey)
		if !ok {
			return nil, fail("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
		}
		der, err := x509.MarshalPKIXPublicKey(pub.CryptoPublicKey())
		if err != nil {
			return nil, fail("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
		}
		k.Fingerprint = colons(fmt.Sprintf("%x", md5.Sum(der)))
	case ssh.KeyAlgoED25519:
		k.Type, k.Fingerprint = "ed25519", sha256Fingerprint(p)
	default:
		return nil, fail("InvalidKey.Format", "The key type %s is not supported: use RSA or ED25519", p.Type())
	}
	k.Public = strings.TrimSpace(string(in.PublicKeyMaterial))
	c.keyPairs.put(k.Name, k)
	c.setTags(k.ID, tags["key-pair"])
	return &ec2.ImportKeyPairResult{KeyPairId: k.ID, KeyName: k.Name, KeyFingerprint: k.Fingerprint, Tags: c.tagsOf(k.ID).ec2()}, nil
}

func (c *call) describeKeyPairs(in *ec2.DescribeKeyPairsRequest) (any, error) {
	rows, _, err := list(c.s, listing[keyPair]{
		table: c.keyPairs, filters: in.Filters, id: func(k *keyPair) string { return k.ID },
		set: filterSet[keyPair]{
			"key-name":    func(k *keyPair, is func(string) bool) bool { return is(k.Name) },
			"key-pair-id": func(k *keyPair, is func(string) bool) bool { return is(k.ID) },
			"fingerprint": func(k *keyPair, is func(string) bool) bool { return is(k.Fingerprint) },
		},
	})
	if err != nil {
		return nil, err
	}
	for _, n := range in.KeyNames {
		if c.keyPairs.seen(n) == nil {
			return nil, fail("InvalidKeyPair.NotFound", "The key pair '%s' does not exist", n)
		}
	}
	for _, id := range in.KeyPairIds {
		if c.keyPairByID(id) == nil {
			return nil, fail("InvalidKeyPair.NotFound", "The key pair '%s' does not exist", id)
		}
	}
	name, id := anyOf(in.KeyNames), anyOf(in.KeyPairIds)
	out := &ec2.DescribeKeyPairsResult{KeyPairs: []ec2.KeyPairInfo{}}
	for _, k := range rows {
		if len(in.KeyNames)+len(in.KeyPairIds) > 0 && !name(k.Name) && !id(k.ID) {
			continue
		}
		x := ec2.KeyPairInfo{KeyPairId: k.ID, KeyName: k.Name, KeyType: k.Type, KeyFingerprint: k.Fingerprint, CreateTime: new(k.Created), Tags: c.tagsSeen(k.ID).ec2()}
		if value(in.IncludePublicKey, false) {
			x.PublicKey = k.Public
		}
		out.KeyPairs = append(out.KeyPairs, x)
	}
	return out, nil
}

func (c *call) deleteKeyPair(in *ec2.DeleteKeyPairRequest) (any, error) {
	name := in.KeyName
	if name == "" && in.KeyPairId == "" {
		return nil, fail("MissingParameter", "The request must contain the parameter KeyName or KeyPairId")
	}
	if in.KeyPairId != "" {
		if k := c.keyPairByID(in.KeyPairId); k != nil {
			name = k.Name
		}
	}
	out := &ec2.DeleteKeyPairResult{Return: new(true)} // deleting what is not there is no error on EC2
	if k := c.keyPairs.get(name); k != nil {
		out.KeyPairId = k.ID
		c.keyPairs.delete(name)
		c.tags.delete(k.ID)
	}
	return out, nil
}
