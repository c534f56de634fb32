/* SPDX-License-Identifier: BSD-2-Clause
 * The command's options. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <colorizer/colorizer.h>

#include "codec.h"

/** Exit codes of the command. */
enum { EXIT_DONE = 0, EXIT_SOME_FAILED = 1, EXIT_USAGE = 2 };

typedef struct options {
    char **inputs; /* points into argv */
    int input_count;
    const char *output;     /* a file, a directory, or "-" */
    const char *model;      /* NULL: built in */
    const char *confidence; /* NULL: none */
    const codec *format;    /* NULL: by the output's name */
    bool same_format;       /* that of the input, where it can be written */
    bool to_folder;         /* `output` is a directory whatever it looks like */
    int quality;            /* of JPEG, WebP, JPEG XL, 1..100 */
    int threads;            /* 0: one for each processor */
    int size;               /* working size; 0: the model's own */
    double strength;
    double vividness; /* both negative when not given */
    bool overwrite;
    bool force;   /* coloured photographs too */
    bool no_mark; /* do not say in the output how it was made */
    bool json;
    bool workspace; /* only print the workspace's size for ... */
    int workspace_width;
    int workspace_height;
    uint32_t hint_count;
    colorizer_hint hints[COLORIZER_MAX_HINTS];
} options;

/** Reads the command line. Returns true when there is work to do; otherwise *exit_code says how to leave: help or
 *  version were printed (EXIT_DONE), or a complaint (EXIT_USAGE). */
bool options_parse(options *o, int argc, char **argv, int *exit_code);

#endif
