// A module whose default export is no handler.
export default { name: "half", description: "Has no options and cannot run." }
