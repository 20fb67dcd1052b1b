"""Binary STLs of plain bodies, mm."""
import math, struct, sys
def write(name, tris):
    with open(name, 'wb') as f:
        f.write(b'\0'*80 + struct.pack('<I', len(tris)))
        for a, b, c in tris:
            u=[b[i]-a[i] for i in range(3)]; v=[c[i]-a[i] for i in range(3)]
            n=[u[1]*v[2]-u[2]*v[1],u[2]*v[0]-u[0]*v[2],u[0]*v[1]-u[1]*v[0]]
            l=math.sqrt(sum(x*x for x in n)) or 1
            f.write(struct.pack('<12fH', *[x/l for x in n], *a, *b, *c, 0))
def revolve(profile, n):
    """profile: (r, z) from the axis below to the axis above"""
    t=[]
    p=lambda r,z,k:(r*math.cos(2*math.pi*k/n), r*math.sin(2*math.pi*k/n), z)
    for (r0,z0),(r1,z1) in zip(profile, profile[1:]):
        for k in range(n):
            a,b,c,d=p(r0,z0,k),p(r0,z0,k+1),p(r1,z1,k+1),p(r1,z1,k)
            if r0>0: t.append((a,b,c))
            if r1>0: t.append((a,c,d))
    return t
def box(x,y,z):
    c=[(i&1 and x, (i>>1)&1 and y, (i>>2)&1 and z) for i in range(8)]
    c=[tuple(float(v) for v in p) for p in c]
    q=[(0,2,3,1),(4,5,7,6),(0,1,5,4),(2,6,7,3),(0,4,6,2),(1,3,7,5)]
    return [t for a,b,d,e in q for t in ((c[a],c[b],c[d]),(c[a],c[d],c[e]))]
write('box.stl', box(20,14,6))
write('vase.stl', revolve([(0,0),(7,0),(9,4),(6,8),(7,10),(0,10)], 16))
write('mushroom.stl', revolve([(0,0),(3,0),(3,4),(8,5),(8,7),(0,7)], 16))
write('cone.stl', revolve([(0,0),(8,0),(2,8),(0,8)], 14))
