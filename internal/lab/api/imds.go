package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type machineKey struct{}

// WithMachine says from which instance a metadata request comes. Whoever listens on the link-local address knows it by
// the connection's source address, and puts it into the request's context.
func WithMachine(ctx context.Context, instanceID string) context.Context {
	return context.WithValue(ctx, machineKey{}, instanceID)
}

const (
	tokenHeader = "X-Aws-Ec2-Metadata-Token"
	ttlHeader   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	maxTokenTTL = 6 * time.Hour
)

// IMDS is the instance metadata service, version 2 and, where an instance allows it, version 1. Requests carry their
// instance in the context (WithMachine); others are answered 404.
func (s *Server) IMDS() http.Handler { return imds{s} }

type imds struct{ s *Server }

// imdsView is what one request may see, taken with the lock held.
type imdsView struct {
	meta    metadataOptions
	tree    map[string]string // path below the version → text
	keyName string
}

// ServeHTTP implements http.Handler.
func (h imds) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "EC2ws")
	w.Header().Set("Content-Type", "text/plain")
	id, _ := r.Context().Value(machineKey{}).(string)
	v, ok := h.s.imdsView(id)
	switch {
	case !ok:
		http.Error(w, "no instance has this address", http.StatusNotFound)
	case v.meta.Disabled:
		http.Error(w, "the metadata service of this instance is turned off", http.StatusForbidden)
	case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
		h.token(w, r, id)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	case !h.allowed(r, id, v.meta.Required):
		w.Header().Set("WWW-Authenticate", `Bearer realm="imds"`)
		http.Error(w, "a valid session token is required: PUT /latest/api/token first", http.StatusUnauthorized)
	default:
		h.serve(&v, w, r)
	}
}

func (h imds) token(w http.ResponseWriter, r *http.Request, id string) {
	if r.Header.Get("X-Forwarded-For") != "" {
		http.Error(w, "requests through a proxy get no token", http.StatusForbidden)
		return
	}
	secs, err := strconv.Atoi(r.Header.Get(ttlHeader))
	if err != nil || secs < 1 || time.Duration(secs)*time.Second > maxTokenTTL {
		http.Error(w, "the header "+ttlHeader+" must be between 1 and 21600", http.StatusBadRequest)
		return
	}
	raw := strconv.FormatInt(h.s.opt.Clock.Now().Add(time.Duration(secs)*time.Second).UnixNano(), 10)
	w.Header().Set(ttlHeader, strconv.Itoa(secs))
	_, _ = w.Write([]byte(base64.URLEncoding.EncodeToString(h.s.vault.seal("imds "+id, []byte(raw)))))
}

// allowed checks the token. Tokens are sealed for their instance, so nothing about them is kept.
func (h imds) allowed(r *http.Request, id string, required bool) bool {
	token := r.Header.Get(tokenHeader)
	if token == "" {
		return !required
	}
	sealed, err := base64.URLEncoding.DecodeString(token)
	if err != nil {
		return false
	}
	raw, err := h.s.vault.open("imds "+id, sealed)
	if err != nil {
		return false
	}
	ns, err := strconv.ParseInt(string(raw), 10, 64)
	return err == nil && h.s.opt.Clock.Now().UnixNano() < ns
}

// serve answers a file or lists a directory, whose subdirectories end in a slash.
func (h imds) serve(v *imdsView, w http.ResponseWriter, r *http.Request) {
	version, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if version == "" {
		_, _ = w.Write([]byte("1.0\n2009-04-04\n2016-09-02\n2018-09-24\n2021-03-23\nlatest"))
		return
	}
	if version != "latest" && version != "1.0" {
		if _, err := time.Parse(time.DateOnly, version); err != nil {
			http.NotFound(w, r)
			return
		}
	}
	const identityDir = "dynamic/instance-identity/"
	if path == identityDir+"signature" || path == identityDir+"pkcs7" {
		text, err := h.s.signDocument(v.tree[identityDir+"document"], path == identityDir+"pkcs7")
		if err != nil {
			h.s.log.Error("the identity document cannot be signed", "error", err)
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(text))
		return
	}
	if text, ok := v.tree[path]; ok && path != "" {
		_, _ = w.Write([]byte(text))
		return
	}
	dir := strings.TrimSuffix(path, "/")
	if dir != "" {
		dir += "/"
	}
	var list []string
	for _, p := range slices.Sorted(maps.Keys(v.tree)) {
		rest, ok := strings.CutPrefix(p, dir)
		if !ok {
			continue
		}
		name, _, deeper := strings.Cut(rest, "/")
		if deeper {
			name += "/"
		}
		if dir == "meta-data/public-keys/" {
			name = "0=" + v.keyName
		}
		if len(list) == 0 || list[len(list)-1] != name {
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write([]byte(strings.Join(list, "\n")))
}

// imdsView gathers the metadata of an instance.
func (s *Server) imdsView(id string) (imdsView, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(s.opt.Clock.Now())
	defer func() {
		if err := s.commit(); err != nil {
			s.log.Error("the lab's state cannot be written", "error", err)
		}
	}()
	i := s.instances.get(id)
	if i == nil || !i.live() {
		return imdsView{}, false
	}
	l := s.launchOf(i)
	v := imdsView{meta: l.Meta, tree: map[string]string{}}
	meta := func(path, text string) { v.tree["meta-data/"+path] = text }
	private := privateName(i.PrivateIP) + "." + s.internalDomain()
	meta("ami-id", l.Image)
	meta("ami-launch-index", strconv.Itoa(i.Index))
	meta("ami-manifest-path", "(unknown)")
	meta("block-device-mapping/ami", strings.TrimPrefix(l.Root, "/dev/"))
	meta("block-device-mapping/root", l.Root)
	meta("hostname", private)
	meta("local-hostname", private)
	meta("local-ipv4", i.PrivateIP.String())
	meta("instance-action", "none")
	meta("instance-id", i.ID)
	meta("instance-type", l.Type)
	meta("instance-life-cycle", map[bool]string{true: "spot", false: "on-demand"}[i.Spot != ""])
	meta("placement/availability-zone", i.Zone)
	meta("placement/region", s.opt.Region)
	if z, ok := s.zone(i.Zone); ok {
		meta("placement/availability-zone-id", z.id)
	}
	meta("profile", "default-hvm")
	meta("reservation-id", l.Reservation)
	meta("services/domain", "amazonaws.com")
	meta("services/partition", "aws")
	if k := s.keyPairs.get(l.Key); k != nil {
		meta("public-keys/0/openssh-key", k.Public+"\n")
		v.keyName = k.Name
	}
	if l.Meta.Tags {
		for _, t := range s.tagsOf(id) {
			meta("tags/instance/"+t.Key, t.Value)
		}
	}
	if !i.SpotEnd.IsZero() {
		end := i.SpotEnd.UTC().Format(time.RFC3339)
		meta("spot/termination-time", end)
		meta("spot/instance-action", `{"action":"terminate","time":"`+end+`"}`)
	}
	s.imdsInterfaces(i, meta)
	s.imdsRole(i, meta)
	if l.UserData != "" {
		if raw, err := base64.StdEncoding.DecodeString(l.UserData); err == nil {
			v.tree["user-data"] = string(raw)
		}
	}
	s.imdsIdentity(i, l, v.tree)
	return v, true
}

func (s *Server) imdsInterfaces(i *instance, meta func(path, text string)) {
	for k, nid := range i.Interfaces {
		n := s.interfaces.get(nid)
		if n == nil {
			continue
		}
		var names []string
		for _, g := range s.groupNames(n.Groups) {
			names = append(names, g.GroupName)
		}
		at := "network/interfaces/macs/" + n.MAC + "/"
		if k == 0 {
			meta("mac", n.MAC)
			meta("security-groups", strings.Join(names, "\n"))
		}
		meta(at+"device-number", strconv.Itoa(n.DeviceIndex))
		meta(at+"interface-id", n.ID)
		meta(at+"local-hostname", privateName(n.PrivateIP)+"."+s.internalDomain())
		meta(at+"local-ipv4s", n.PrivateIP.String())
		meta(at+"mac", n.MAC)
		meta(at+"owner-id", s.opt.AccountID)
		meta(at+"security-group-ids", strings.Join(n.Groups, "\n"))
		meta(at+"security-groups", strings.Join(names, "\n"))
		meta(at+"subnet-id", n.Subnet)
		meta(at+"vpc-id", n.VPC)
		if sn := s.subnets.get(n.Subnet); sn != nil {
			meta(at+"subnet-ipv4-cidr-block", sn.CIDR.String())
		}
		if vp := s.vpcs.get(n.VPC); vp != nil {
			var blocks []string
			for _, b := range vp.Blocks {
				blocks = append(blocks, b.CIDR.String())
			}
			meta(at+"vpc-ipv4-cidr-block", blocks[0])
			meta(at+"vpc-ipv4-cidr-blocks", strings.Join(blocks, "\n"))
		}
		if _, ip, name, ok := s.interfaceAssociation(n); ok {
			meta(at+"public-ipv4s", ip)
			meta(at+"ipv4-associations/"+ip, n.PrivateIP.String())
			if k == 0 {
				meta("public-ipv4", ip)
			}
			if name != "" {
				meta(at+"public-hostname", name)
				if k == 0 {
					meta("public-hostname", name)
				}
			}
		}
	}
}

const (
	roleSessionLife  = 6 * time.Hour
	roleSessionRenew = 30 * time.Minute // before they end, new ones are given out
)

// roleSession is the credentials an instance has now.
type roleSession struct {
	session
	token   string
	updated time.Time
}

// imdsRole adds the instance's role and its credentials.
func (s *Server) imdsRole(i *instance, meta func(path, text string)) {
	p := s.profiles.get(i.Profile.Profile)
	if p == nil {
		return
	}
	now := s.db.now.UTC().Format(time.RFC3339)
	info, err := json.Marshal(map[string]string{"Code": "Success", "LastUpdated": now, "InstanceProfileArn": s.profileARN(p), "InstanceProfileId": p.ID})
	if err != nil {
		return
	}
	meta("iam/info", string(info))
	r := s.roles.get(p.Role)
	if r == nil {
		return
	}
	have, ok := s.roleSessions[i.ID]
	if !ok || have.RoleID != r.ID || s.db.now.After(have.Expires.Add(-roleSessionRenew)) {
		ses, token, err := s.newSession(r, i.ID, roleSessionLife)
		if err != nil {
			s.log.Error("role credentials cannot be made", "role", r.Name, "error", err)
			return
		}
		have = roleSession{ses, token, s.db.now}
		s.roleSessions[i.ID] = have
	}
	doc, err := json.MarshalIndent(struct {
		Code, LastUpdated, Type            string
		AccessKeyID                        string `json:"AccessKeyId"`
		SecretAccessKey, Token, Expiration string
	}{
		"Success", have.updated.UTC().Format(time.RFC3339), "AWS-HMAC", have.KeyID, have.Secret, have.token, have.Expires.UTC().Format(time.RFC3339),
	}, "", "  ")
	if err != nil {
		return
	}
	meta("iam/security-credentials/"+r.Name, string(doc))
}
