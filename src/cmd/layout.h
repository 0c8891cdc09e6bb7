/* Where each bus is drawn: the coordinates of the file when every bus has them, else a tree computed from the graph. */
#ifndef FG_CMD_LAYOUT_H
#define FG_CMD_LAYOUT_H

#include "grid/network.h"

struct fg_layout {
    double *x, *y; /* per bus, in [0, width] x [0, height], y downwards */
    double width, height;
    bool is_geographic; /* from the file's coordinates */
};
/* Trees are drawn from left to right by depth (breadth-first from the source, so that meshes are drawn along a shortest-path
 * tree), leaves at equal distances in the order of a depth-first walk, parents in the middle of their children: the
 * level layout of C. Wetherell and A. Shannon, "Tidy Drawings of Trees", IEEE Trans. Software Eng. SE-5, 1979. Release
 * with fg_layout_release, also after an error. */
enum fg_code fg_layout_create(const struct fg_network *network, struct fg_layout *layout, struct fg_error *err);
void fg_layout_release(struct fg_layout *layout);

#endif
