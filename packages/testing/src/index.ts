export const name = "testing";
