import { expect, it } from 'vitest';
import { StatusError } from './status.ts';
import { UserPlaces } from './user-places.ts';

it('has so many places for each, and for all', () => {
  const places = new UserPlaces({ all: 3, each: 2 });
  const giveBack = places.take('alice');
  places.take('alice');
  expect(() => places.take('alice')).toThrow(StatusError);
  places.take('bob');
  expect(() => places.take('carol')).toThrow('Too many requests');
  giveBack();
  places.take('carol');
  expect(() => places.take('alice')).toThrow(StatusError);
});
