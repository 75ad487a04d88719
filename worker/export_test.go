package worker

// OfEmail lets tests give the errors of a real server to the question whose fault they are.
var OfEmail = ofEmail
