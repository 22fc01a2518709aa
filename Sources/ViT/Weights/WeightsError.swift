import Platform
import Tensors

/// Why a file cannot be used as the weights of a vision transformer; the `description` is one sentence.
public enum WeightsError: Error, Hashable, Sendable {
    /// The file cannot be read, or its contents are damaged or unsupported.
    case file(TensorFileError)
    /// There is no class token, by which the other tensors are located.
    case noTransformer(path: String, found: [String])
    /// Two names denote the same tensor.
    case ambiguous(path: String, name: String)
    /// Tensors of the model are missing, or the file has unexpected ones.
    case notCovering(path: String, missing: [String], leftOver: [String])
    /// A tensor's shape differs from the one that the other tensors imply.
    case shape(path: String, name: String, found: Shape, expected: String)
    /// The number of heads does not divide the width, or cannot be inferred.
    case heads(path: String, width: Int, heads: Int?)
    /// A JSON file such as `config.json` is malformed, or contradicts the tensors.
    case config(path: String, reason: String)
    /// Some parameters have elements that are infinite or not a number.
    case notFinite(path: String, [NonFiniteParameter])
    /// The bundled weights were found in none of the places searched.
    case noBundledWeights(places: [String])
}

extension WeightsError: CustomStringConvertible {
    /// The reason, as one sentence.
    public var description: String { printable(sentence) }

    private var sentence: String {
        switch self {
        case .file(let error): return error.description
        case .noTransformer(let path, let found):
            return "\(path) holds no vision transformer: expected a tensor named cls_token, found"
                + " \(listed(found))"
        case .ambiguous(let path, let name):
            return "\(path) holds \(name) twice, under different prefixes"
        case .notCovering(let path, let missing, let leftOver):
            var parts: [String] = []
            if !missing.isEmpty { parts.append("missing: \(listed(missing))") }
            if !leftOver.isEmpty { parts.append("unexpected: \(listed(leftOver))") }
            return "\(path) does not fit a vision transformer: " + parts.joined(separator: "; ")
        case .shape(let path, let name, let found, let expected):
            return "\(path) does not fit a vision transformer: \(name) has the shape \(found),"
                + " expected \(expected)"
        case .heads(let path, let width, nil):
            return "\(path) has width \(width), which is not a multiple of 64, so its number of"
                + " heads cannot be inferred and must be given"
        case .heads(let path, let width, let heads?):
            return "\(path) has width \(width), which is not divisible by \(heads) heads"
        case .config(let path, let reason):
            return "\(path) cannot be used: \(reason)"
        case .notFinite(let path, let parameters):
            return "the weights in \(path) are not finite: \(parameters.summary)"
        case .noBundledWeights(let places):
            return "the bundled weights are missing: there is no"
                + " \(places.joined(separator: ", nor "))"
        }
    }
}
