package api

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire"
)

// Server is the endpoint. Make one with New, serve it as an http.Handler or through Transport, and Close it.
type Server struct {
	opt      Options
	log      *slog.Logger
	codec    wire.Codec
	services map[string]protocol
	control  http.Handler
	images   []image
	types    map[string]instanceType
	typeList []string
	vault    *vault
	keys     map[string]string // access key id → secret
	issuedBy []Key

	mu           sync.Mutex // guards everything below
	db           *store
	journal      *journal
	time         timeline
	ids          *mrand.Rand // identifiers
	luck         *mrand.Rand // faults and times
	luckID       [16]byte    // request ids
	requests     uint64
	serverErrors int
	faults       Faults
	faultsSince  time.Time
	buckets      map[string]*bucket
	stats        Stats
	answers      map[string]reflect.Type
	addresses    map[string]*addressPool // by subnet; follows from the interfaces
	launchUses   map[string]int          // instances per launch; follows from the instances
	publicIPs    map[netip.Addr]struct{} // in use; follows from interfaces and elastic addresses
	targeted     map[string]int          // target groups per target; follows from the groups
	targetNotes  map[string]targetNote   // health as the machine layer told it
	roleSessions map[string]roleSession  // by instance
	identity     *identity               // nil until needed
	jobs         jobs
	network      networkState

	stop context.CancelFunc
	wg   sync.WaitGroup

	records
}

// records are the tables. Names are the kinds in the journal.
type records struct {
	meta        *table[meta]
	tags        *table[tagSet]
	issued      *table[issued]
	vpcs        *table[vpc]
	subnets     *table[subnet]
	gateways    *table[gateway]
	routeTables *table[routeTable]
	acls        *table[networkACL]
	dhcp        *table[dhcpOptions]
	groups      *table[group]
	nats        *table[nat]
	eips        *table[address]
	interfaces  *table[netInterface]
	instances   *table[instance]
	launches    *table[launch]
	volumes     *table[volume]
	keyPairs    *table[keyPair]
	templates   *table[launchTemplate]
	spots       *table[spotRequest]
	roles       *table[role]
	profiles    *table[profile]
	policies    *table[managedPolicy]
	parameters  *table[parameter]
	balancers   *table[balancer]
	targets     *table[targetGroup]
	listeners   *table[listener]
}

// meta is what the server knows about its own state.
type meta struct {
	Version int
	Starts  int
	Seed    int64
	Region  string
	Account string
}

const stateVersion = 1

func newRecords(db *store) records {
	return records{
		meta: newTable[meta](db, "meta", false), tags: newTable[tagSet](db, "tags", true),
		issued: newTable[issued](db, "token", false), vpcs: newTable[vpc](db, "vpc", true),
		subnets: newTable[subnet](db, "subnet", true), gateways: newTable[gateway](db, "gateway", true),
		routeTables: newTable[routeTable](db, "routetable", true), acls: newTable[networkACL](db, "acl", true),
		dhcp: newTable[dhcpOptions](db, "dhcp", true), groups: newTable[group](db, "group", true),
		nats: newTable[nat](db, "nat", true), eips: newTable[address](db, "address", true),
		interfaces: newTable[netInterface](db, "interface", true), instances: newTable[instance](db, "instance", true),
		launches: newTable[launch](db, "launch", false), volumes: newTable[volume](db, "volume", true),
		keyPairs: newTable[keyPair](db, "keypair", true), templates: newTable[launchTemplate](db, "template", true),
		spots: newTable[spotRequest](db, "spot", true), roles: newTable[role](db, "role", false),
		profiles: newTable[profile](db, "profile", false), policies: newTable[managedPolicy](db, "policy", false),
		parameters: newTable[parameter](db, "parameter", false), balancers: newTable[balancer](db, "balancer", false),
		targets: newTable[targetGroup](db, "targetgroup", false), listeners: newTable[listener](db, "listener", false),
	}
}

// New makes a server, or continues the one whose state is in Options.Dir.
func New(opt Options) (*Server, error) {
	if err := opt.complete(); err != nil {
		return nil, err
	}
	s := &Server{
		opt: opt, log: opt.Logger, db: new(store), answers: answerTypes(),
		addresses: map[string]*addressPool{}, launchUses: map[string]int{}, publicIPs: map[netip.Addr]struct{}{}, targeted: map[string]int{}, roleSessions: map[string]roleSession{}, targetNotes: map[string]targetNote{},
		images: imageCatalogue(opt.Region), keys: map[string]string{},
	}
	s.types, s.typeList = instanceTypes()
	s.services = s.protocols()
	s.control = s.controlHandler()
	s.records = newRecords(s.db)
	s.resetStats()
	if opt.Dir != "" {
		var err error
		if s.journal, err = openJournal(opt.Dir, s.db, s.log); err != nil {
			return nil, err
		}
	}
	if err := s.start(); err != nil {
		if s.journal != nil {
			err = errors.Join(err, s.journal.close())
		}
		return nil, err
	}
	return s, nil
}

func (s *Server) start() error {
	now := s.opt.Clock.Now()
	s.db.now = now
	m := meta{Version: stateVersion, Seed: s.opt.Seed, Region: s.opt.Region, Account: s.opt.AccountID}
	old := s.meta.get("lab")
	if old != nil {
		if old.Version != stateVersion {
			return fmt.Errorf("lab state: version %d, and this program knows %d; remove the lab's directory to start anew", old.Version, stateVersion)
		}
		if old.Region != m.Region || old.Account != m.Account {
			return fmt.Errorf("lab state: made for region %s and account %s, not %s and %s; use those or another directory", old.Region, old.Account, m.Region, m.Account)
		}
		m.Starts, m.Seed = old.Starts+1, old.Seed
	}
	if m.Seed == 0 {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return err
		}
		m.Seed = int64(binary.LittleEndian.Uint64(b[:]) | 1)
	}
	s.meta.put("lab", &m)
	seed := uint64(m.Seed) + uint64(m.Starts)*0x9e3779b97f4a7c15
	s.ids = mrand.New(mrand.NewPCG(seed, 1))
	s.luck = mrand.New(mrand.NewPCG(seed, 2))
	binary.LittleEndian.PutUint64(s.luckID[:], seed)

	var err error
	if s.vault, err = openVault(s.opt.Dir); err != nil {
		return err
	}
	if err := s.openKeys(); err != nil {
		return err
	}
	s.rebuild()
	s.setFaults(s.opt.Faults, now)
	if old == nil {
		s.seedAccount()
	}
	if err := s.commit(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.jobs.ctx = ctx
	if s.opt.Machines != nil {
		s.time.wake = make(chan struct{}, 1)
		s.network.wake = make(chan struct{}, 1)
		s.network.want++ // tell the network layer what is there, also after a restart
		s.wg.Go(func() { s.tick(ctx) })
		s.wg.Go(func() { s.followTopology(ctx) })
		s.resumeMachines()
	}
	return nil
}

// openKeys takes the keys of the options, or the key of an earlier start, or makes one.
func (s *Server) openKeys() error {
	s.issuedBy = s.opt.Keys
	file := filepath.Join(s.opt.Dir, "key.json")
	if len(s.issuedBy) == 0 && s.opt.Dir != "" {
		raw, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(raw, &s.issuedBy)
		}
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("lab state: %s: %w", file, err)
		}
	}
	if len(s.issuedBy) == 0 {
		s.issuedBy = []Key{{AccessKeyID: "AKIA" + randomUpper(s.ids, 16), SecretAccessKey: randomSecret()}}
		if s.opt.Dir != "" {
			raw, err := json.Marshal(s.issuedBy)
			if err == nil {
				err = os.WriteFile(file, raw, 0o600)
			}
			if err != nil {
				return fmt.Errorf("lab state: %w", err)
			}
		}
	}
	for _, k := range s.issuedBy {
		s.keys[k.AccessKeyID] = k.SecretAccessKey
	}
	return nil
}

// rebuild makes what follows from the records: address pools, counts, and the events to come.
func (s *Server) rebuild() {
	for n := range s.interfaces.all() {
		s.pool(n.Subnet).take(n.PrivateIP)
		s.publicIPs[n.PublicIP] = struct{}{}
	}
	for a := range s.eips.all() {
		s.publicIPs[a.IP] = struct{}{}
	}
	for b := range s.balancers.all() {
		if !b.NextAt.IsZero() {
			s.schedule(b.NextAt, "balancer", b.ARN)
		}
	}
	for i := range s.instances.all() {
		s.launchUses[i.Launch]++
		if !i.NextAt.IsZero() {
			s.schedule(i.NextAt, "instance", i.ID)
		}
		if !i.SpotEnd.IsZero() {
			s.schedule(i.SpotEnd, "spot", i.ID)
		}
	}
	for n := range s.nats.all() {
		if !n.NextAt.IsZero() {
			s.schedule(n.NextAt, "nat", n.ID)
		}
	}
	for v := range s.volumes.all() {
		if !v.NextAt.IsZero() {
			s.schedule(v.NextAt, "volume", v.ID)
		}
	}
	for g := range s.targets.all() {
		for _, t := range g.Targets {
			s.targeted[t.ID]++
			if !t.NextAt.IsZero() {
				s.schedule(t.NextAt, "target", g.ARN)
			}
		}
	}
}

// Keys returns the access keys of the account's root user.
func (s *Server) Keys() []Key { return append([]Key(nil), s.issuedBy...) }

// Region returns the region the server serves.
func (s *Server) Region() string { return s.opt.Region }

// Close waits for what the machine layer still does, and closes the state. Machines keep running.
func (s *Server) Close() error {
	s.stop()
	s.wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.journal == nil {
		return nil
	}
	err := errors.Join(s.commit(), s.journal.close())
	s.journal = nil
	return err
}
