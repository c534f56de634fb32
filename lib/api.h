/* SPDX-License-Identifier: BSD-2-Clause
 * What the files with exported functions share. */
#ifndef CZ_API_H
#define CZ_API_H

#include "handle.h"

/** Detail of this thread's last failure that had no handle to keep it. */
cz_error *cz_api_orphan(void);

/** Takes the handle for one call; NULL and busy handles are refused. Every enter that returns OK has its leave. */
int32_t cz_api_enter(colorizer *c);
/** Ends the call: logs a failure and hands `status` on. */
int32_t cz_api_leave(colorizer *c, int32_t status);

/** Largest struct_size that is believed. */
#define CZ_API_MAX_STRUCT 4096u
/** Copies a caller's struct of `size` bytes over our own of `known`: fields it ends before keep their zero, and bytes
 *  that this library does not know must be zero, or they would be a setting that is not honoured. */
bool cz_api_read(void *own, size_t known, const void *callers, size_t size);

/** The handle's settings, for a run. */
cz_settings cz_api_settings(const colorizer *c);

/** colorizer_open() and colorizer_open_memory(). @param any_graph a model that is not a colorizer will do. */
int32_t cz_api_open(colorizer **out, const char *path, bool any_graph, const colorizer_options *options);
int32_t cz_api_open_memory(colorizer **out, const void *model, uint64_t model_size, bool any_graph,
                           const colorizer_options *options);

#endif
