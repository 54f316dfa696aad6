// What another page loads in one line. It has a name of its own, and no more in it than the way to the code, whose name is
// another one with every build: so what a browser has kept of two builds never meets.
export * from './inspector.js'
