/* places.h - where things are when the configuration does not say. */
#ifndef DAEMON_CONFIG_PLACES_H
#define DAEMON_CONFIG_PLACES_H

/* tandemctl knows it too. */
extern const char places_control[];
#endif
