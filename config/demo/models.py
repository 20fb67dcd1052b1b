#!/usr/bin/env python3
# Writes the four demo models as binary STL: heart, vertebra, guide, aneurysm.
# Why: the demo needs real slicer output, and the shapes must be ours to ship.
# They are drawn from formulas, look roughly like anatomy, and are not medical data.
# Use: models.py OUTDIR      (plain Python 3, no packages, about 8 s)
import math
import os
import struct
import sys


def write_stl(path, tris):
    with open(path, "wb") as f:
        f.write(b"platen demo model".ljust(80) + struct.pack("<I", len(tris)))
        for a, b, c in tris:
            u = [b[i] - a[i] for i in range(3)]
            v = [c[i] - a[i] for i in range(3)]
            n = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
            k = math.sqrt(sum(x * x for x in n)) or 1.0
            f.write(struct.pack("<12fH", *(x / k for x in n), *a, *b, *c, 0))


# ---- distance fields: negative inside, all lengths in mm ----

def ellipsoid(p, c, r):
    q = [(p[i] - c[i]) / r[i] for i in range(3)]
    return (math.sqrt(q[0] ** 2 + q[1] ** 2 + q[2] ** 2) - 1) * min(r)


def rod(p, a, b, ra, rb):
    """A rod from a to b with round ends, radius ra at a and rb at b."""
    d = [b[i] - a[i] for i in range(3)]
    t = sum((p[i] - a[i]) * d[i] for i in range(3)) / sum(x * x for x in d)
    t = min(1.0, max(0.0, t))
    return math.sqrt(sum((p[i] - a[i] - t * d[i]) ** 2 for i in range(3))) - (ra + (rb - ra) * t)


def pillar(p, cx, cy, rx, ry, z0, z1):
    """An upright elliptic cylinder."""
    side = (math.hypot((p[0] - cx) / rx, (p[1] - cy) / ry) - 1) * min(rx, ry)
    return max(side, z0 - p[2], p[2] - z1)


def blend(a, b, k):
    """Union of two fields with a soft seam about k wide."""
    h = max(k - abs(a - b), 0.0) / k
    return min(a, b) - h * h * k / 4


def heart(p):
    """Apex up, cut flat through the great vessels, which are open from below."""
    x, y, z = p
    d = ellipsoid(p, (-4, 1, 19), (11, 11, 16))                              # left ventricle
    d = blend(d, ellipsoid(p, (6, -3, 16), (10, 9.5, 13)), 5)                # right ventricle
    d = blend(d, ellipsoid(p, (-8, 5, 7), (8, 7, 6.5)), 3)                   # left atrium
    d = blend(d, ellipsoid(p, (10, 3, 6.5), (7, 7.5, 6.5)), 3)               # right atrium
    d = blend(d, rod(p, (0, 2, -3), (0, 1, 10), 5, 5), 2)                    # aorta
    d = blend(d, rod(p, (2, -8, -3), (3, -5, 10), 4.2, 4.2), 2)              # pulmonary trunk
    d = blend(d, rod(p, (11, 7, -3), (10, 4, 6), 3.6, 3.6), 2)               # vena cava
    d += 0.5 * math.exp(-(((x - 2.5) + 0.12 * (z - 18)) / 1.4) ** 2)         # groove between the chambers
    d += 0.18 * math.sin(0.55 * x + 1) * math.sin(0.5 * y) * math.sin(0.6 * z)
    d = max(d, -rod(p, (0, 2, -3), (0, 1, 9), 3.2, 3.2))
    d = max(d, -rod(p, (2, -8, -3), (3, -5, 8), 2.6, 2.6))
    d = max(d, -rod(p, (11, 7, -3), (10, 4, 5), 2.1, 2.1))
    return max(d, -z)


def vertebra(p):
    """A lumbar vertebra standing on its lower end plate."""
    x, y, z = p
    ax = abs(x)                                                              # left and right alike
    q = (ax, y, z)
    waist = 1.4 * math.sin(math.pi * min(1.0, max(0.0, z / 14)))
    d = pillar(p, 0, 0, 14 - waist, 10 - waist, -1, 14)                      # body
    d = blend(d, rod(q, (8, -7, 7), (7.5, -16, 7), 3.2, 3.2), 3)             # pedicle
    d = blend(d, rod(q, (7.5, -16, 7), (0, -21, 6), 3.2, 3.4), 2)            # lamina
    d = blend(d, rod(q, (8, -14, 7), (19, -18, 10), 2.9, 2.2), 2)            # transverse process
    d = blend(d, rod(q, (7.5, -17, 0), (8, -15, 17), 2.8, 2.4), 1.5)         # articular processes
    for h in (1, 3, 5, 7):
        d = blend(d, rod(p, (0, -20, h), (0, -31, h - 1), 2.2, 1.8), 2)      # spinous process
    d = max(d, -pillar(p, 0, -13.5, 6, 4.5, -9, 29))                         # vertebral foramen
    return max(d, -z)


def aneurysm(p):
    """A small artery that divides, with a berry aneurysm in the fork; hollow, and open at its three ends."""
    x, y, z = p
    q = (abs(x), y, z)

    def vessel(wall):
        d = rod(p, (0, -0.6, -3), (0, 0, 3.2), 1.5 + wall, 1.3 + wall)           # parent artery
        d = blend(d, rod(q, (0, 0, 3.2), (8, 1.5, 6.2), 1.2 + wall, 0.9 + wall), 0.8)
        return blend(d, ellipsoid(p, (0, 0.2, 5.9), (1.7 + wall, 1.6 + wall, 1.6 + wall)), 0.8)

    d = max(vessel(0.6), -vessel(0))
    return max(d, abs(x) - 6.2, -z)


CUBE = [(i & 1, i >> 1 & 1, i >> 2 & 1) for i in range(8)]
TETS = [(0, 1, 3, 7), (0, 3, 2, 7), (0, 2, 6, 7), (0, 6, 4, 7), (0, 4, 5, 7), (0, 5, 1, 7)]


def surface(field, lo, hi, step):
    """Marching tetrahedra; a corner is computed once per grid edge, so the mesh is closed."""
    # The grid starts a fraction of a step off, so that no node lies on the z = 0 cut.
    org = [lo[i] - 0.37 * step for i in range(3)]
    n = [int((hi[i] - org[i]) / step) + 2 for i in range(3)]

    def node(g):
        return [org[i] + g[i] * step for i in range(3)]

    val = {}
    for i in range(n[0]):
        for j in range(n[1]):
            for k in range(n[2]):
                val[i, j, k] = field(node((i, j, k)))
    cut = {}

    def corner(a, b):
        key = (min(a, b), max(a, b))
        if key not in cut:
            a, b = key
            t = val[a] / (val[a] - val[b])
            pa, pb = node(a), node(b)
            cut[key] = tuple(round(pa[i] + t * (pb[i] - pa[i]), 4) + 0.0 for i in range(3))
        return cut[key]

    tris = []

    def emit(a, b, c, out):
        if a == b or b == c or a == c:
            return
        u = [b[i] - a[i] for i in range(3)]
        v = [c[i] - a[i] for i in range(3)]
        m = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
        tris.append((a, b, c) if sum(m[i] * out[i] for i in range(3)) > 0 else (a, c, b))

    for i in range(n[0] - 1):
        for j in range(n[1] - 1):
            for k in range(n[2] - 1):
                g = [(i + x, j + y, k + z) for x, y, z in CUBE]
                inside = sum(val[c] < 0 for c in g)
                if inside in (0, 8):
                    continue
                for tet in TETS:
                    neg = [g[c] for c in tet if val[g[c]] < 0]
                    pos = [g[c] for c in tet if val[g[c]] >= 0]
                    if not neg or not pos:
                        continue
                    out = [sum(c[x] for c in pos) / len(pos) - sum(c[x] for c in neg) / len(neg) for x in range(3)]
                    if len(neg) == 2:
                        (a, b), (c, d) = neg, pos
                        ac, ad, bc, bd = corner(a, c), corner(a, d), corner(b, c), corner(b, d)
                        emit(ac, ad, bd, out)
                        emit(ac, bd, bc, out)
                    else:
                        one, three = (neg[0], pos) if len(neg) == 1 else (pos[0], neg)
                        emit(*(corner(one, c) for c in three), out)
    return tris


# ---- the cutting guide: flat faces and upright walls, so exact polygons ----

def rounded(cx, cy, w, h, r, seg):
    """Rectangle w x h with corner radius r, counter-clockwise; w = h = 2r is a circle."""
    pts = []
    for q, (sx, sy) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        for s in range(seg + 1):
            a = (q + s / seg) * math.pi / 2
            p = (round(cx + sx * (w / 2 - r) + r * math.cos(a), 4), round(cy + sy * (h / 2 - r) + r * math.sin(a), 4))
            if not pts or p not in (pts[-1], pts[0]):
                pts.append(p)
    return pts


def turn(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def fill(outer, holes):
    """Triangles of a polygon with holes: join each hole by a bridge, then clip ears."""
    poly = list(outer)
    for hole in sorted(holes, key=lambda h: -max(h)[0]):
        m = hole.index(max(hole))
        p = hole[m]
        loop = [hole[(m - i) % len(hole)] for i in range(len(hole) + 1)]      # clockwise, back to p

        def clear(k):
            q = poly[k]
            for i in range(len(poly)):
                a, b = poly[i], poly[(i + 1) % len(poly)]
                if q not in (a, b) and turn(p, q, a) * turn(p, q, b) <= 0 and turn(a, b, p) * turn(a, b, q) <= 0:
                    return False
            a, b = poly[k - 1], poly[(k + 1) % len(poly)]                     # the bridge must leave q inwards
            if turn(a, q, b) > 0:
                return turn(a, q, p) > 0 and turn(q, b, p) > 0
            return turn(a, q, p) > 0 or turn(q, b, p) > 0

        right = [k for k in range(len(poly)) if poly[k][0] > p[0] and clear(k)]
        k = min(right, key=lambda i: math.dist(poly[i], p))
        poly[k + 1:k + 1] = loop + [poly[k]]
    tris = []
    while len(poly) > 3:
        for i in range(len(poly)):
            a, b, c = poly[i - 1], poly[i], poly[(i + 1) % len(poly)]
            if turn(a, b, c) > 1e-9 and not any(
                q not in (a, b, c) and turn(a, b, q) >= 0 and turn(b, c, q) >= 0 and turn(c, a, q) >= 0 for q in poly
            ):
                tris.append((a, b, c))
                del poly[i]
                break
        else:
            raise SystemExit("guide: polygon cannot be filled")
    return tris + [tuple(poly)]


def guide():
    """Plate 56 x 34 x 3 mm, two saw slots with 9 mm high collars, four pin holes."""
    z0, z1, z2 = 0.0, 3.0, 9.0
    plate = rounded(0, 0, 56, 34, 6, 6)
    pins = [rounded(x, y, 3.2, 3.2, 1.6, 5) for x in (-22, 22) for y in (-11, 11)]
    collars = [rounded(x, 0, 7, 26, 2.5, 4) for x in (-9, 9)]
    slots = [rounded(x, 0, 1.6, 20, 0.8, 3) for x in (-9, 9)]
    tris = []

    def cap(outer, holes, z, up):
        for a, b, c in fill(outer, holes):
            a, b, c = (*a, z), (*b, z), (*c, z)
            tris.append((a, b, c) if up else (a, c, b))

    def wall(loop, low, high, outward):
        for p, q in zip(loop, loop[1:] + loop[:1]):
            if not outward:
                p, q = q, p
            tris.append(((*p, low), (*q, low), (*q, high)))
            tris.append(((*p, low), (*q, high), (*p, high)))

    cap(plate, pins + slots, z0, False)
    cap(plate, pins + collars, z1, True)
    wall(plate, z0, z1, True)
    for pin in pins:
        wall(pin, z0, z1, False)
    for collar, slot in zip(collars, slots):
        cap(collar, [slot], z2, True)
        wall(collar, z1, z2, True)
        wall(slot, z0, z2, False)
    return tris


if __name__ == "__main__":
    out = sys.argv[1]
    models = {
        "heart": surface(heart, (-21, -18, 0), (21, 18, 37), 0.8),
        "vertebra": surface(vertebra, (-23, -36, 0), (23, 12, 21), 0.7),
        "guide": guide(),
        "aneurysm": surface(aneurysm, (-7, -3, 0), (7, 4, 9), 0.2),
    }
    for name, tris in models.items():
        # Every edge must be used once in each direction, or the slicer would have to repair the mesh.
        edges = {(t[i], t[i - 2]) for t in tris for i in range(3)}
        if len(edges) != 3 * len(tris) or any((b, a) not in edges for a, b in edges):
            sys.exit(name + ": mesh is not closed")
        write_stl(os.path.join(out, name + ".stl"), tris)
