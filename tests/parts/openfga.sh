# OpenFGA's own sources, as a Go module; nothing of them is kept here. For the parts that replay them. Needs go.sh.
# shellcheck shell=bash

# The version of Go that the module asks for.
openfga_go=1.26

# openfga_copy GO: lays the module beside the build; prints the place.
openfga_copy() {
    go_module "$1" github.com/openfga/openfga v1.22.1 'h1:gl5DiX841ZK3GSTAbgUUYEpiAfAK4EZFMQYW1NQmK8U='
}
