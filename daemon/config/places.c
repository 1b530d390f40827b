#include "daemon/config/places.h"

/* What is installed is compiled with another: there is one server on a host, and its client finds it. */
#ifndef RUNDIR
#define RUNDIR "var/run"
#endif

const char places_control[] = RUNDIR "/tandemd.sock";
