// A module that waits for something that never comes.
await new Promise(() => {})
export default {}
