package hclconfig

import (
	"github.com/hashicorp/hcl/v2"
)

// module is one directory of files: what it declares, nothing evaluated.
type module struct {
	dir       string // relative to the root directory, with slashes; "." is the root
	variables map[string]*variable
	locals    map[string]*argument
	outputs   map[string]*output
	objects   map[string]*object // by "cluster.lab"
	calls     map[string]*call

	// The same in the order of the files.
	variableOrder []*variable
	localOrder    []*argument
	outputOrder   []*output
	objectOrder   []*object
	callOrder     []*call

	checks   []*check
	moved    []Moved
	removed  []Removed
	imports  []*importBlock
	settings Settings
}

// output is an output block.
type output struct {
	name        string
	block       *block
	sensitive   bool
	description string
	dependsOn   []dependency
}

// object is one of the four main blocks.
type object struct {
	typ, name string
	block     *block
	forEach   *argument
	enabled   *argument
	dependsOn []dependency
	lifecycle lifecycle
}

// lifecycle is a lifecycle block; what it refers to has no module path yet.
type lifecycle struct {
	preventDestroy, createBeforeDestroy bool
	ignoreChanges                       []string
	replaceTriggeredBy                  []dependency
}

// dependency is an object, with or without a key, or a module, within the
// module that names it.
type dependency struct {
	parts AddressParts
	rng   hcl.Range
}

// call is a module block.
type call struct {
	name      string
	block     *block
	source    string
	module    *module // nil when it could not be loaded
	forEach   *argument
	enabled   *argument
	dependsOn []dependency
}

// check is a check block.
type check struct {
	name    string
	block   *block
	asserts []*block
}

// importBlock is an import block; its address has no module path yet.
type importBlock struct {
	to    AddressParts
	id    *argument
	block *block
}

func newModule(dir string) *module {
	return &module{
		dir: dir, variables: map[string]*variable{}, locals: map[string]*argument{}, outputs: map[string]*output{},
		objects: map[string]*object{}, calls: map[string]*call{},
	}
}
