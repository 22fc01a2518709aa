import Platform

/// Erodes a mask: keeps the pixels whose whole square neighbourhood is in the mask. As in OpenCV's
/// `erode`, pixels outside the picture count as inside the mask.
///
/// - Parameters:
///   - mask: `height * width` pixels, row by row.
///   - size: the side of the neighbourhood, odd.
/// - Complexity: O(pixels).
package func eroded(_ mask: [Bool], width: Int, height: Int, size: Int) -> [Bool] {
    require(
        mask.count == width * height && size % 2 == 1,
        "eroded: \(mask.count) pixels of \(width)x\(height), size \(size)")
    let radius = size / 2
    var result = mask
    // The square is separable: rows first, then columns.
    func erode(lines: Int, length: Int, lineStep: Int, step: Int) {
        let source = result
        for line in 0..<lines {
            // Distance to the last pixel outside the mask, first behind, then ahead.
            for isReversed in [false, true] {
                var distance = radius + 1
                for index in 0..<length {
                    let position = isReversed ? length - 1 - index : index
                    let at = line * lineStep + position * step
                    distance = source[at] ? distance + 1 : 0
                    if distance <= radius { result[at] = false }
                }
            }
        }
    }
    erode(lines: height, length: width, lineStep: width, step: 1)
    erode(lines: width, length: height, lineStep: 1, step: width)
    return result
}
